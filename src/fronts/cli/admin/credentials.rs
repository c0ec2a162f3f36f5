//! The calls about devices that are paired, every other credential, and explanations.

use super::{Admin, soon};
use crate::{fronts::cli::exit::Trouble, proto::v1};

impl Admin {
    /// Takes a device out.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn remove_device(
        &mut self,
        request: v1::RemoveDeviceRequest,
    ) -> Result<v1::RemoveDeviceResponse, Trouble> {
        answered!(self.pairing.remove_device(soon(request)))
    }

    /// Names a device.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn rename_device(
        &mut self,
        request: v1::RenameDeviceRequest,
    ) -> Result<v1::RenameDeviceResponse, Trouble> {
        answered!(self.pairing.rename_device(soon(request)))
    }

    /// Replaces a device's token.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn rotate_token(
        &mut self,
        request: v1::RotateTokenRequest,
    ) -> Result<v1::RotateTokenResponse, Trouble> {
        answered!(self.pairing.rotate_token(soon(request)))
    }

    /// Ends a grant.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn revoke_token(
        &mut self,
        request: v1::RevokeTokenRequest,
    ) -> Result<v1::RevokeTokenResponse, Trouble> {
        answered!(self.pairing.revoke_token(soon(request)))
    }

    /// Puts a ceiling on something, or takes it off.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn assign_ceiling(
        &mut self,
        request: v1::AssignCeilingRequest,
    ) -> Result<v1::AssignCeilingResponse, Trouble> {
        answered!(self.pairing.assign_ceiling(soon(request)))
    }

    /// The service tokens.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn tokens(&mut self) -> Result<v1::ListTokensResponse, Trouble> {
        every_page!(self.tokens.list_tokens(soon, v1::ListTokensRequest::default()), tokens)
    }

    /// Makes a service token.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn create_token(
        &mut self,
        request: v1::CreateTokenRequest,
    ) -> Result<v1::CreateTokenResponse, Trouble> {
        answered!(self.tokens.create_token(soon(request)))
    }

    /// Replaces a service token's secret.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn rotate_service_token(
        &mut self,
        token_id: String,
    ) -> Result<v1::RotateServiceTokenResponse, Trouble> {
        answered!(
            self.tokens.rotate_service_token(soon(v1::RotateServiceTokenRequest { token_id }))
        )
    }

    /// Ends a service token.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn revoke_service_token(
        &mut self,
        request: v1::RevokeServiceTokenRequest,
    ) -> Result<v1::RevokeServiceTokenResponse, Trouble> {
        answered!(self.tokens.revoke_service_token(soon(request)))
    }

    /// Replaces the shared secret.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn rotate_secret(
        &mut self,
        secret: Option<String>,
    ) -> Result<v1::RotateSecretResponse, Trouble> {
        answered!(self.secret.rotate_secret(soon(v1::RotateSecretRequest { secret })))
    }

    /// What a list of keys would change.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn compare_keys(
        &mut self,
        list: v1::KeyList,
    ) -> Result<v1::CompareKeysResponse, Trouble> {
        answered!(self.keys.compare_keys(soon(v1::CompareKeysRequest { list: Some(list) })))
    }

    /// Adopts a list of keys.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn adopt_keys(
        &mut self,
        list: v1::KeyList,
    ) -> Result<v1::AdoptKeysResponse, Trouble> {
        answered!(self.keys.adopt_keys(soon(v1::AdoptKeysRequest { list: Some(list) })))
    }

    /// Makes a setup code.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn create_code(
        &mut self,
        access: v1::SetupAccess,
    ) -> Result<v1::CreateCodeResponse, Trouble> {
        answered!(self.setup.create_code(soon(v1::CreateCodeRequest { access: access.into() })))
    }

    /// Whether someone may do something, and why.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn explain(
        &mut self,
        request: v1::ExplainRequest,
    ) -> Result<v1::ExplainResponse, Trouble> {
        answered!(self.explain.explain(soon(request)))
    }

    /// The lockouts that are in force.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn lockouts(&mut self) -> Result<v1::ListLockoutsResponse, Trouble> {
        every_page!(self.lockouts.list_lockouts(soon, v1::ListLockoutsRequest::default()), lockouts)
    }

    /// Lifts lockouts.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn clear_lockouts(
        &mut self,
        request: v1::ClearLockoutsRequest,
    ) -> Result<v1::ClearLockoutsResponse, Trouble> {
        answered!(self.lockouts.clear_lockouts(soon(request)))
    }

    /// What is held for review.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn held(&mut self) -> Result<v1::ListHeldResponse, Trouble> {
        every_page!(self.review.list_held(soon, v1::ListHeldRequest::default()), held)
    }

    /// Releases what is held.
    ///
    /// # Errors
    /// As [`Self::devices`].
    pub async fn release_held(
        &mut self,
        request: v1::ReleaseHeldRequest,
    ) -> Result<v1::ReleaseHeldResponse, Trouble> {
        answered!(self.review.release_held(soon(request)))
    }
}
